"""ListOffsets: where logs begin and end, and which record came at a time."""

from collections import defaultdict
from collections.abc import Hashable, Mapping

from aiokafka.protocol.offset import OffsetRequest

from kaftalk_roomlog.cluster import Leaders, Wire
from kaftalk_roomlog.records import Partition

LATEST = -1
EARLIEST = -2


async def list_offsets(
    wire: Wire, leaders: Leaders, wanted: Mapping[Partition, int], *, group: Hashable
) -> dict[Partition, int]:
    """Ask each partition's leader for the offset of a timestamp in ms, or of LATEST or EARLIEST.

    The answer lacks partitions without a leader or with an error, whose leader is forgotten; -1 means that no record is
    as late as the timestamp.

    Raises:
        BrokerUnreachable: a broker did not answer.
    """
    found: dict[Partition, int] = {}
    for node, topics in _by_leader(leaders, wanted).items():
        answer = await wire.ask(node, OffsetRequest(-1, 0, list(topics.items())), group=group)
        for topic, partitions in answer.topics:
            for number, error_code, _, offset in partitions:
                if error_code:
                    leaders.forget([topic])
                else:
                    found[Partition(topic, number)] = offset
    return found


def _by_leader(leaders: Leaders, wanted: Mapping[Partition, int]) -> dict[int, dict[str, list[tuple[int, int]]]]:
    nodes: defaultdict[int, defaultdict[str, list[tuple[int, int]]]] = defaultdict(lambda: defaultdict(list))
    for partition, ts_ms in wanted.items():
        node = leaders.of(partition)
        if node is not None:
            nodes[node][partition.topic].append((partition.partition, ts_ms))
    return {node: dict(topics) for node, topics in nodes.items()}
