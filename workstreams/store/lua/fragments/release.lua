-- Gives back what a running job held, in the limits that it took when it was admitted (its
-- record names them: the config may have changed since), and remembers whom that concerns.
-- OF_KEY ends that list when a slot of the job's key was taken as well.
local release = {OF_KEY = ':'}

calls.gathers(release, 'freed')

-- Gives slots of shared limits back. `keep`: one is kept for a guest that waits for it.
local function free_shared(took, member, keep)
  for name in took:gmatch('[^,:]+') do
    batch.zrem(keys.limit(name, 'holders'), member)
    local waiters = keys.limit(name, 'waiters')
    local names = redis.call('SMEMBERS', waiters)
    for _, other in ipairs(names) do release.freed[other] = true end
    if names[1] then redis.call('DEL', waiters) end
    guests.tell(name, keep)
  end
end

function release.slot(ws, member, took, key)
  batch.zrem(keys.ws(ws, 'running'), member)
  release.freed[ws] = true
  guests.tell(ws, true)
  if not took or took == '' then return end
  if took:sub(-1) == release.OF_KEY then
    redis.call('ZREM', keys.ws(ws, 'holders:' .. key), member)
    turns.free(ws, key)
  end
  free_shared(took, member, true)
end

-- The same for what a guest held. Returns whether it held anything.
function release.guest(sid)
  local ws, took = unpack(redis.call('HMGET', keys.session(sid), 'workstream', 'took'))
  if not ws then return false end
  if ws ~= '' then
    batch.zrem(keys.ws(ws, 'running'), sid)
    redis.call('ZREM', keys.ws(ws, 'guests'), sid)
    release.freed[ws] = true
    guests.tell(ws, false)
  end
  free_shared(took or '', sid, false)
  redis.call('DEL', keys.session(sid))
  redis.call('ZREM', keys.root .. 'sessions', sid)
  return true
end

-- Wakes one sleeper for each workstream that a freed slot concerns and the caller did not
-- ask for; those it asked for were looked at after the slot was free.
function release.wake(asked)
  for ws in pairs(release.freed) do
    if not asked[ws] then
      ready.stirred[ws] = true
      if door.of(ws).why == 'concurrency' then latch.open(ws) end
      if tally.ready(ws) > 0 then wake.for_work(ws) end
    end
  end
  jobs.tell_deaths()
  jobs.tell_due(asked)
end

-- Back to the place it had before, to be delivered again.
function release.put_back(ws, id)
  local job = redis.call('HMGET', keys.job(ws, id), 'key', 'score')
  local score = job[2] and job[2] ~= '' and job[2] or clock.text
  redis.call('HSET', keys.job(ws, id), 'state', 'waiting', 'score', score)
  ready.put(ws, id, job[1] or '', score)
end
