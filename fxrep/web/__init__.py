"""A local page for a reference library: map, search, listening and mixes, served by FastAPI (extra `web`).

`fxrep serve` is the usual way in. `WebConfig` says what is served and within which limits, `WebSite` holds what works
behind the page, `create_app` makes the application of it, and `run_server` serves it until it is interrupted.
Everything here needs the extra `web`; nothing else in fxrep does.
"""
