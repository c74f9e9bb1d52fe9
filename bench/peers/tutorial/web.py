import hashlib
import hmac
import json
import os
import time

from fastapi import FastAPI, Header, HTTPException, Request

from bench.peers.tutorial.tasks import record_event

app = FastAPI()
SECRET = os.environ["PADDLE_WEBHOOK_SECRETS"]
TOLERANCE_SECONDS = 60


def verify(body: bytes, header: str) -> bool:
    parts = dict(part.split("=", 1) for part in header.split(";"))
    if abs(time.time() - int(parts["ts"])) > TOLERANCE_SECONDS:
        return False
    signed = f"{parts['ts']}:{body.decode()}"
    expected = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, parts["h1"])


@app.post("/webhooks/paddle")
async def paddle_webhook(request: Request, paddle_signature: str = Header()):
    body = await request.body()
    if not verify(body, paddle_signature):
        raise HTTPException(status_code=401, detail="Invalid signature")
    record_event.delay(json.loads(body))
    return {"status": "ok"}
