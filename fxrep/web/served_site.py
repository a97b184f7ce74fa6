"""What works behind the application, as routes ask for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from fxrep.web.site import WebSite


def site_of(request: Request) -> WebSite:
    """The site of the application that a request came to."""
    site: WebSite = request.app.state.site
    return site


Site = Annotated[WebSite, Depends(site_of)]
"""The type of a route's argument that is the site."""
