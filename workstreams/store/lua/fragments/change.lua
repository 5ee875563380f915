-- What is done to jobs from outside: how one that waits is taken out of where it stands.
local change = {}

-- A key without jobs has no turn; what it is ahead of its workstream's clock stays on record.
local function retire(ws, key)
  local turn = tonumber(redis.call('ZSCORE', keys.ws(ws, 'keys'), key) or 0)
  redis.call('ZREM', keys.ws(ws, 'keys'), key)
  if turn > (tonumber(door.of(ws).clock) or 0) then
    redis.call('ZADD', keys.ws(ws, 'idle'), turn, key)
  end
end

-- A waiting job leaves its key's set. Returns whether it stood first there.
function change.unready(ws, id, key)
  local set = keys.ready(ws, key)
  local place = redis.call('ZRANK', set, id)
  if not place then return false end
  redis.call('ZREM', set, id)
  tally.add(ws, -1)
  if redis.call('EXISTS', set) == 0 then
    retire(ws, key)
  elseif place == 0 and turns.is_held(ws, key) then
    -- It was held for the cost of the one that is gone.
    turns.review(ws, key)
  end
  return place == 0
end

-- A key that has jobs: the one whose turn it is, else one of those that are held. Without jobs these come to be
-- many (a paused one stays), so they are read once a call: held.
local function any_key(ws, held)
  local key = redis.call('ZRANGE', keys.ws(ws, 'keys'), 0, 0)[1]
  if key then return key end
  held.keys = held.keys or redis.call('ZRANGE', keys.ws(ws, 'held'), 0, -1)
  while held.keys[held.at] do
    local found = held.keys[held.at]
    if redis.call('EXISTS', keys.ready(ws, found)) == 1 then return found end
    held.at = held.at + 1
  end
end

-- The first jobs of the keys whose turn it is, and then of those that are held, leave their sets. Returns their ids.
function change.unready_first(ws, most)
  local gone, held = {}, {at = 1}
  while #gone < most do
    local key = any_key(ws, held)
    if not key then break end
    local ids = redis.call('ZRANGE', keys.ready(ws, key), 0, most - #gone - 1)
    for _, id in ipairs(ids) do
      change.unready(ws, id, key)
      gone[#gone + 1] = id
    end
    if #ids == 0 then redis.call('ZREM', keys.ws(ws, 'keys'), key) end
  end
  return gone
end

-- The gate was shut for the job that stood first: what comes behind it may be let in sooner.
function change.look_again(ws)
  if tally.ready(ws) == 0 then return end
  latch.open(ws)
  wake.one(ws)
end

local FIELDS = {'state', 'key', 'actor', 'attempt', 'deliveries', 'session', 'shift', 'score', 'awaited', 'options',
                'cancel'}

-- The record as a table, with what an event says of a job; nil if none is kept.
function change.read(ws, id)
  local read = redis.call('HMGET', keys.job(ws, id), unpack(FIELDS))
  if not read[1] then return nil end
  local job = {id = id}
  for i, field in ipairs(FIELDS) do job[field] = read[i] or nil end
  job.attempt = tonumber(job.attempt or 0) + 1
  job.worker = job.session and job.session:match(' (.*)$')
  return job
end

-- Ended by somebody who may not know that it is dead, done or gone meanwhile.
function change.discard(ws, job, why)
  redis.call('HSET', keys.job(ws, job.id), 'error', why)
  jobs.keep(ws, job.id, 'discarded')
  events.count(ws, 'discarded')
  if job.awaited then jobs.tell_ended(job.id, 'discarded') end
end
