"""Application that parses the body with orjson and returns it, as a baseline for the framework.

Run by uvicorn.
"""

import orjson
from fastapi import FastAPI, Request, Response

app = FastAPI()


@app.post("/v1/checks")
async def echo(request: Request) -> Response:
    return Response(orjson.dumps(orjson.loads(await request.body())), media_type="application/json")
