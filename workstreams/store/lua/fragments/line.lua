-- Who stands first: jobs wait in the sets of their keys, and keys take turns.
local line = {}

-- The head of the line: {key, turn, alone, ids, more}: the key whose turn it is, its time, whether
-- it is the only one, its first jobs (at most `most`; one if others wait for their turn) and whether
-- there may be more of them. nil when none is ready.
function line.first(ws, most)
  local first = redis.call('ZRANGE', keys.ws(ws, 'keys'), 0, 1, 'WITHSCORES')
  if not first[1] then return nil end
  local alone = not first[3]
  if not alone then most = 1 end
  local ids = redis.call('ZRANGE', keys.ready(ws, first[1]), 0, most - 1)
  if not ids[1] then return nil end
  return {key = first[1], turn = tonumber(first[2]), alone = alone, ids = ids, more = #ids == most}
end

function line.cost(ws, id) return costs.read(redis.call('HGET', keys.job(ws, id), 'cost')) end

-- What the first of these jobs costs; that matters to rates only.
function line.cost_of(ws, head) return settings.is_rated(ws) and line.cost(ws, head.ids[1]) or 1 end

-- The head of the line, of a key whose own limits let its first job start: keys that may not start
-- yet are held. Its `room` is the key's, nil without limits. Returns whether more has to be looked at
-- instead, in another call.
local LOOKED_AT = 100

function line.head(ws, most)
  for _ = 1, LOOKED_AT do
    local head = line.first(ws, most)
    if not head then return nil, false end
    head.cost = line.cost_of(ws, head)
    head.room = gate.of_key(ws, head.key)
    local why, _, at
    if head.room then why, _, at = gate.refuses(head.room, head.cost) end
    -- One dearer than its key's rate ever allows would wait for ever: it is taken, to be buried.
    if not why or settings.too_dear(ws, head.cost, head.key) then return head, false end
    turns.hold(ws, head.key, at or math.huge)
  end
  return nil, true
end
