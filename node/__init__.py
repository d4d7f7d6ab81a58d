"""The node: composition, engine, links, command line, HTTP, FHIR, simulator."""
