"""The local API over HTTP: `app` makes the application, `listening` binds it, `saves` is its JSON.

Nothing is re-exported here: `saves` is also read by `node.remote_desk`, which stays free of aiohttp.
"""
