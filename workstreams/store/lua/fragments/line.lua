-- Who stands first: jobs wait in the sets of their keys, and keys take turns.
local line = {}

-- What admission reads of a job.
line.JOB_FIELDS = {'body', 'options', 'attempt', 'deliveries', 'actor', 'cost', 'key', 'state', 'crashes', 'expires',
                   'sent', 'awaited'}

function line.job(ws, id) return redis.call('HMGET', keys.job(ws, id), unpack(line.JOB_FIELDS)) end

function line.cost(ws, id) return costs.read(redis.call('HGET', keys.job(ws, id), 'cost')) end

-- The head of the line: {key, turn, alone, ids, next, line}: the key whose turn it is, its time, whether it is the only
-- one, its first jobs (at most `most`; one if others wait for their turn) and the one behind them. nil when none is ready.
function line.first(ws, most)
  local found = order.line(ws, most + 1)
  local key = found.names[1]
  if not key then return nil end
  local alone = found.whole and not found.names[2]
  if not alone then most = 1 end
  local ids = redis.call('ZRANGE', keys.ready(ws, key), 0, most)
  if not ids[1] then return nil end
  return {key = key, turn = found.turns[key], alone = alone, next = table.remove(ids, most + 1), ids = ids, line = found}
end

-- The head of the line, of a key whose own limits let its first job start: keys that may not start
-- yet are held. It has its first `job`, that one's `cost`, and the `room` of its key, nil without limits.
-- Returns whether more has to be looked at instead, in another call: so many may be held in one, whoever stands
-- between them.
local HELD_AT_ONCE = 100

calls.gathers(line, 'held')

function line.head(ws, most)
  while (line.held[ws] or 0) < HELD_AT_ONCE do
    local head = line.first(ws, most)
    if not head then return nil, false end
    head.job = line.job(ws, head.ids[1])
    head.cost, head.room = costs.read(head.job[6]), gate.of_key(ws, head.key)
    local why, _, at
    if head.room then why, _, at = gate.refuses(head.room, head.cost) end
    -- One dearer than its key's rate ever allows would wait for ever: it is taken, to be buried.
    if not why or settings.too_dear(ws, head.cost, head.key) then return head, false end
    turns.hold_head(ws, head, at or math.huge)
    line.held[ws] = (line.held[ws] or 0) + 1
  end
  return nil, true
end
