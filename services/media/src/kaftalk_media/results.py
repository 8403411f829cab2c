"""Results of the function: by its callback, or found in the store where the callback was lost."""

from collections import OrderedDict

from kaftalk_media.errors import StoreAway
from kaftalk_media.log_search import LogSearch
from kaftalk_media.media_log import MediaLog
from kaftalk_media.steps import Finds, result_of
from kaftalk_media.views import MediaViews
from kaftalk_protocol.ids import MediaId
from kaftalk_protocol.media import MediaView, Result, merge, view_of, with_result
from kaftalk_runtime import metrics
from kaftalk_runtime.clock import Clock
from kaftalk_runtime.logs import get_logger
from kaftalk_views.errors import ViewsLost
from kaftalk_views.media_views import MediaReads

LOOK_EVERY_S = 3.0
LOOKED_MAX = 10_000

_log = get_logger(__name__)
_results = metrics.counter("kaftalk_media_results_total", "Results taken in", "status", "source")


class Results:
    """Takes results in: into the log, then into the view. The owner of the shard tells the room."""

    def __init__(
        self, reads: MediaReads, views: MediaViews, log: MediaLog, log_search: LogSearch, store: Finds, clock: Clock
    ) -> None:
        self._reads = reads
        self._views = views
        self._log = log
        self._log_search = log_search
        self._store = store
        self._clock = clock
        self._looked_s: OrderedDict[MediaId, float] = OrderedDict()

    async def take(self, result: Result) -> bool:
        """Take a callback in; False if the media object is gone, and everything made for it should go.

        Raises AppendError, RedisError, ReadError, ViewsLost: nobody knows now.
        """
        view = await self._reads.get(result.id)
        if view is None:
            # A Redis that was killed may have lost the newest view: what is deleted now does not come again.
            found = await self._log_search.find(result.id, result.room)
            if found is not None and found.state != "removed":
                raise ViewsLost
            return False
        if view.state == "removed" or (view.room, view.kind) != (result.room, result.kind):
            return False
        await self._store_result(view, result, by="callback")
        return True

    async def look(self, view: MediaView) -> MediaView:
        """Give the view of a pending object with its result, if the store has one; looks every 3 s at most.

        Raises AppendError, RedisError.
        """
        if view.state not in ("incoming", "stored") or not self._may_look(view.id):
            return view
        try:
            result = result_of(await self._store.read(view.manifest))
        except StoreAway:
            return view
        return view if result is None else await self._store_result(view, result, by="look")

    async def _store_result(self, view: MediaView, result: Result, *, by: str) -> MediaView:
        upload = with_result(view.upload, result)
        if merge(view.upload, upload) == view.upload:
            return view
        await self._log.append(upload)
        _results.labels(result.status, by).inc()
        _log.info("result_taken", media=view.id, status=result.status, reason=result.reason, by=by)
        return await self._views.update(view_of(upload))

    def _may_look(self, media: MediaId) -> bool:
        now_s = self._clock.monotonic()
        looked_s = self._looked_s.get(media)
        if looked_s is not None and now_s - looked_s < LOOK_EVERY_S:
            return False
        self._looked_s[media] = now_s
        self._looked_s.move_to_end(media)
        if len(self._looked_s) > LOOKED_MAX:
            self._looked_s.popitem(last=False)
        return True
