-- Sleepers: processes with threads to spare that wait to be told. PUBLISH returns how many
-- heard it, so a dead sleeper is passed over and the next one is tried. On a Cluster that
-- count is per node, which is why a shard's sleepers subscribe where the shard lives.
-- A message says which workstream to ask for, and when: "mail now", "mail 20000" (µs), "* now".
local wake = {}

-- A host that died may leave as many sleepers as it had processes.
local TRIES = 64

function wake.tell(sid, text) return redis.call('PUBLISH', keys.root .. 'wake:' .. sid, text) > 0 end

-- Where everybody is busy, that is known: it would be asked for with every job that is sent and taken.
function wake.knows_nobody(ws) return memory.now.nobody[ws] end
function wake.note_nobody(ws, flag) memory.now.nobody[ws] = flag end

-- Tells one sleeper of the workstream to ask now.
function wake.one(ws)
  if wake.knows_nobody(ws) then return false end
  for _ = 1, TRIES do
    local sid = redis.call('ZPOPMIN', keys.ws(ws, 'sleepers'))[1]
    if not sid then
      wake.note_nobody(ws, true)
      return false
    end
    if wake.tell(sid, ws .. ' now') then return true end
  end
  return false
end

-- What only went to keys that are held is nothing to ask for.
function wake.for_work(ws)
  if ready.stirred[ws] ~= false and not latch.is_shut(ws) then wake.one(ws) end
end
