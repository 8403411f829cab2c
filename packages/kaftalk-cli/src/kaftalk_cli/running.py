"""Run a command's work."""

import asyncio
import sys
from collections.abc import Coroutine
from typing import Any, TypeVar

import typer
from pydantic import ValidationError

from kaftalk_cli.archive import BrokenArchive
from kaftalk_media.errors import StoreAway
from kaftalk_protocol.errors import Refused
from kaftalk_roomlog.errors import RoomLogError
from kaftalk_runtime.kafka import KafkaUnreachable
from kaftalk_runtime.redis_client import RedisError
from kaftalk_views.errors import ViewError

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run until done; what cannot be done ends the tool with status 1 and a line that says why."""
    try:
        return asyncio.run(work)
    except Refused as error:
        print(f"not done: {error.detail}", file=sys.stderr)
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False):
            print(f"not done: {'.'.join(map(str, problem['loc']))}: {problem['msg']}", file=sys.stderr)
    except (BrokenArchive, FileExistsError) as error:
        print(f"not done: {error}", file=sys.stderr)
    except (RoomLogError, KafkaUnreachable, RedisError, ViewError, StoreAway, TimeoutError) as error:
        print(f"not done: {error!r}", file=sys.stderr)
    raise typer.Exit(1)
