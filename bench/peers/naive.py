"""The naive peer: FastAPI, a set of sockets, one awaited send a socket and message."""

from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect

app = FastAPI()
sockets: set[WebSocket] = set()


@app.websocket("/ws")
async def receive(socket: WebSocket) -> None:
    """Keep a socket until it goes."""
    await socket.accept()
    await socket.send_text("welcome")
    sockets.add(socket)
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        sockets.discard(socket)


@app.post("/publish", status_code=204)
async def publish(request: Request) -> None:
    """Send every line of the body to every socket."""
    for line in (await request.body()).decode().split("\n"):
        for socket in list(sockets):
            await socket.send_text(line)
