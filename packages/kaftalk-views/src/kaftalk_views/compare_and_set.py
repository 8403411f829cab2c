"""The one step that moves a view: commands that run together, if the view still stands where they began.

Besides Redis' own, the script knows commands that depend on what is there:

    NOTE notes target json at           the newest note holds; a deletion stays
    REMOVE notes target json reactions index mentions   the oldest deletion holds
    REACT notes reactions target field ±seq        the newest holds; minus: taken back; nothing on what is deleted
    INDEX index mentions count seq… <seq>:<user>…  the newest 1,100 stay
    REMENTION index mentions target user…          if it is in the index; `*` stays
    CURSOR cursors user seq dirty "<room> <user>"  never falls
    LOST lost room seq ts json                     the newest loss of a room holds; the newest 100 rooms stay
    REGAINED lost room seq                         takes away a loss that was before
    REPLACE key by                                 `by` takes the place of `key`, which goes if there is no `by`
"""

from __future__ import annotations

from collections.abc import Sequence

from kaftalk_runtime.redis_client import Script, ScriptCall
from kaftalk_views.lost_rooms import LOST_MAX
from kaftalk_views.view_fields import Command

INDEX_MAX = 1_100

DONE = "done"
"""What the script answers when it ran; else it answers the applied seq that it found."""

_COMMANDS = """
local own = {}
local function deleted(notes, target)
  local note = redis.call('HGET', notes, target)
  return note and cjson.decode(note).deleted, note
end
function own.NOTE(at)
  local notes, target, json, seq = ARGV[at], ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3])
  local gone, note = deleted(notes, target)
  if gone or (note and cjson.decode(note).at >= seq) then return end
  redis.call('HSET', notes, target, json)
end
function own.REMOVE(at)
  local notes, target, json = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local gone, note = deleted(notes, target)
  if not gone or cjson.decode(note).at > cjson.decode(json).at then redis.call('HSET', notes, target, json) end
  redis.call('DEL', ARGV[at + 3])
  redis.call('ZREM', ARGV[at + 4], target)
  redis.call('ZREMRANGEBYSCORE', ARGV[at + 5], target, target)
end
function own.REACT(at)
  local notes, reactions, target, field, seq = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  if deleted(notes, target) then return end
  local before = redis.call('HGET', reactions, field)
  if before and math.abs(tonumber(before)) >= math.abs(tonumber(seq)) then return end
  redis.call('HSET', reactions, field, seq)
end
function own.INDEX(at, last)
  local index, mentions, count = ARGV[at], ARGV[at + 1], tonumber(ARGV[at + 2])
  for i = at + 3, at + 2 + count do redis.call('ZADD', index, ARGV[i], ARGV[i]) end
  for i = at + 3 + count, last do redis.call('ZADD', mentions, string.match(ARGV[i], '^%d+'), ARGV[i]) end
  if redis.call('ZREMRANGEBYRANK', index, 0, -INDEX_MAX - 1) == 0 then return end
  local lowest = redis.call('ZRANGE', index, 0, 0)[1]
  redis.call('ZREMRANGEBYSCORE', mentions, '-inf', '(' .. lowest)
end
function own.REMENTION(at, last)
  local index, mentions, target = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  if not redis.call('ZSCORE', index, target) then return end
  for _, named in ipairs(redis.call('ZRANGEBYSCORE', mentions, target, target)) do
    if named ~= target .. ':*' then redis.call('ZREM', mentions, named) end
  end
  for i = at + 3, last do redis.call('ZADD', mentions, target, target .. ':' .. ARGV[i]) end
end
function own.CURSOR(at)
  local cursors, user, seq = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local before = redis.call('HGET', cursors, user)
  if before and tonumber(before) >= tonumber(seq) then return end
  redis.call('HSET', cursors, user, seq)
  redis.call('SADD', ARGV[at + 3], ARGV[at + 4])
end
local function loss(text)
  local seq, ts = string.match(text, '^(%d+) (%d+) ')
  return tonumber(seq), tonumber(ts)
end
function own.LOST(at)
  local lost, room, seq, ts, json = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local before = redis.call('HGET', lost, room)
  if before and loss(before) >= tonumber(seq) then return end
  redis.call('HSET', lost, room, seq .. ' ' .. ts .. ' ' .. json)
  if redis.call('HLEN', lost) <= LOST_MAX then return end
  local all, oldest, oldest_ts = redis.call('HGETALL', lost), '', math.huge
  for i = 1, #all, 2 do
    local _, lost_ts = loss(all[i + 1])
    if lost_ts < oldest_ts or (lost_ts == oldest_ts and all[i] < oldest) then oldest, oldest_ts = all[i], lost_ts end
  end
  redis.call('HDEL', lost, oldest)
end
function own.REGAINED(at)
  local before = redis.call('HGET', ARGV[at], ARGV[at + 1])
  if before and loss(before) < tonumber(ARGV[at + 2]) then redis.call('HDEL', ARGV[at], ARGV[at + 1]) end
end
function own.REPLACE(at)
  local key, by = ARGV[at], ARGV[at + 1]
  redis.call('DEL', key)
  if redis.call('EXISTS', by) == 1 then
    redis.call('RENAME', by, key)
    redis.call('PERSIST', key)
  end
end
local function run(at)
  while at <= #ARGV do
    local last = at + tonumber(ARGV[at])
    local name = ARGV[at + 1]
    if own[name] then own[name](at + 2, last) else redis.call(unpack(ARGV, at + 1, last)) end
    at = last + 1
  end
end
""".replace("INDEX_MAX", str(INDEX_MAX)).replace("LOST_MAX", str(LOST_MAX))

_COMPARE_AND_SET = Script(
    _COMMANDS
    + """
local applied = redis.call('HGET', KEYS[1], 'applied_seq') or ''
if applied ~= ARGV[1] then return applied end
run(2)
return 'done'
"""
)
_CONVERGE = Script(_COMMANDS + "run(1)\nreturn 'done'")


def compare_and_set(room_key: str, expected: str, commands: Sequence[Command]) -> ScriptCall:
    """Make the call that runs the commands if the view's applied seq is `expected` (empty: there is no view)."""
    return _COMPARE_AND_SET.call([room_key], [expected, *_flat(commands)])


def converge(commands: Sequence[Command]) -> ScriptCall:
    """Make a call without a condition, for commands whose order and repetition do not matter (notes, reactions)."""
    return _CONVERGE.call([], _flat(commands))


def _flat(commands: Sequence[Command]) -> list[str]:
    """Put the number of its parts before each command."""
    flat: list[str] = []
    for command in commands:
        flat.append(str(len(command)))
        flat += command
    return flat
