-- Takes the jobs of a session that is over back to the front, in their old order. Each
-- ended delivery counts against the job; one that ended its process too often is dead.
-- `blame` false: the process ended in order, nothing is counted.
local RECOVER_AT_ONCE = 100

local function die(ws, id, job, reason, level)
  redis.call('HSET', job_key(ws, id), 'state', 'dead', 'session', '', 'ended', digits(NOW), 'error', reason)
  redis.call('ZADD', ws_key(ws, 'dead'), digits(NOW), id)
  local settings = settings_of(ws)
  if settings then forget_old(ws, ws_key(ws, 'dead'), settings.dead_age, settings.dead_count) end
  job_event(ws, 'dead', level or 'error', id, job.actor, job.attempt, job.key, job.worker, reason)
  count(ws, 'dead')
end

local function recover_one(sid, member, ws, blame, why, most)
  local id = parts_of(member)
  local job = redis.call('HMGET', job_key(ws, id), 'took', 'crashes', 'actor', 'attempt', 'key', 'state')
  release(ws, member, job[1])
  if job[6] ~= 'running' then return end
  local crashes = tonumber(job[2] or 0) + (blame and 1 or 0)
  local attempt = tonumber(job[4] or 0) + 1
  local detail = cjson.encode({reason = why, crashes = crashes, session = sid})
  job_event(ws, blame and 'reaped' or 'handed_back', blame and 'warning' or 'info', id, job[3], attempt, job[5], '', detail)
  if blame then
    redis.call('HSET', job_key(ws, id), 'crashes', crashes)
    count(ws, 'reaped')
  end
  if blame and crashes >= most then
    local reason = cjson.encode({type = 'Poison', message = why .. ', ' .. crashes .. ' times while it ran'})
    die(ws, id, {actor = job[3], attempt = attempt, key = job[5]}, reason)
  else
    put_back(ws, id)
  end
end

-- A session that is over sleeps for nothing and owns no timer; whoever is left looks again.
local function forget_sleeper(sid)
  local named = redis.call('HGET', ROOT .. 'session:' .. sid, 'workstreams') or ''
  for ws in named:gmatch('[^,]+') do
    redis.call('ZREM', ws_key(ws, 'sleepers'), sid)
    if redis.call('HGET', ws_key(ws, 'gate'), 'owner') == sid then
      redis.call('HDEL', ws_key(ws, 'gate'), 'owner', 'at')
    end
    if waiting_in(ws) > 0 or redis.call('EXISTS', ws_key(ws, 'scheduled')) == 1 then wake_one(ws) end
  end
end

-- Returns how many were taken back, and whether that was all.
local function recover(sid, blame, why)
  local held = held_key(sid)
  local most = tonumber(redis.call('HGET', ROOT .. 'session:' .. sid, 'max_deliveries') or 3)
  local members = redis.call('ZRANGE', held, 0, RECOVER_AT_ONCE - 1)
  for _, entry in ipairs(members) do
    redis.call('ZREM', held, entry)
    local ws, member = entry:match('^([^/]*)/(.*)$')
    recover_one(sid, member, ws, blame, why, most)
  end
  if #members < RECOVER_AT_ONCE then
    forget_sleeper(sid)
    redis.call('DEL', held, ROOT .. 'session:' .. sid)
    redis.call('ZREM', ROOT .. 'sessions', sid)
    return #members, true
  end
  return #members, false
end

-- Ends sessions whose lease ran out. Returns the µs of the next expiry, or nil.
local function sweep()
  local first = redis.call('ZRANGE', ROOT .. 'sessions', 0, 0, 'WITHSCORES')
  if first[1] and tonumber(first[2]) <= NOW then
    local _, all = recover(first[1], true, 'its lease ran out')
    if not all then return NOW end
    first = redis.call('ZRANGE', ROOT .. 'sessions', 0, 0, 'WITHSCORES')
  end
  return tonumber(first[2])
end
