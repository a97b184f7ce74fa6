"""The application: routes, errors, and the guard around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from fxrep.web import audio_routes, job_routes, library_routes, map_routes, mix_routes, page_routes, search_routes
from fxrep.web.answers import JsonAnswer, add_error_answers
from fxrep.web.guard import Guard
from fxrep.web.site import WebSite


def create_app(site: WebSite) -> ASGIApp:
    """Make the application of a site; its shutdown closes the site."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        site.warm_up()
        yield
        await run_in_threadpool(site.close)

    app = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, default_response_class=JsonAnswer)
    app.state.site = site
    add_error_answers(app)
    for routes in (library_routes, search_routes, audio_routes, job_routes, map_routes, mix_routes, page_routes):
        app.include_router(routes.router)
    app.mount("/static", StaticFiles(directory=page_routes.STATIC, check_dir=False), name="static")
    return Guard(app, site.config)
