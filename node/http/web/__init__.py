"""The medic's app: pages that work without JavaScript, beside the JSON API. `pages` serves them."""
