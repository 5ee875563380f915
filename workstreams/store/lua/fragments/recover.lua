-- Takes the jobs of a session that is over back to the front, in their old order. Each
-- ended delivery counts against the job; one that ended its process too often is dead.
-- `blame` false: the process ended in order, nothing is counted.
local recover = {}

local RECOVER_AT_ONCE = 100

function recover.one(sid, ws, member, blame, why, most)
  local id = member:match('^(.*)~%d+$')
  local read = redis.call('HMGET', keys.job(ws, id), 'took', 'crashes', 'actor', 'attempt', 'key', 'state', 'cancel')
  release.slot(ws, member, read[1])
  if read[6] ~= 'running' then return end
  local crashes = tonumber(read[2] or 0) + (blame and 1 or 0)
  local job = {id = id, actor = read[3], attempt = tonumber(read[4] or 0) + 1, key = read[5]}
  local detail = cjson.encode({reason = why, crashes = crashes, session = sid})
  events.of_job(ws, blame and 'reaped' or 'handed_back', blame and 'warning' or 'info', job, detail)
  if blame then
    redis.call('HSET', keys.job(ws, id), 'crashes', crashes)
    events.count(ws, 'reaped')
  end
  if read[7] and member == keys.member(id, read[7]) then
    jobs.cancel(ws, job, '{"reason":"asked for while it ran"}')
  elseif blame and crashes >= most then
    jobs.die(ws, job, cjson.encode({type = 'Poison', message = why .. ', ' .. crashes .. ' times while it ran'}))
  else
    release.put_back(ws, id)
  end
end

-- A session that is over sleeps for nothing and owns no timer; whoever is left looks again.
function recover.forget_sleeper(sid)
  local named = redis.call('HGET', keys.session(sid), 'workstreams') or ''
  for ws in named:gmatch('[^,]+') do
    redis.call('ZREM', keys.ws(ws, 'sleepers'), sid)
    timer.leave(ws, sid)
    if ready.count(ws) > 0 or redis.call('EXISTS', keys.ws(ws, 'scheduled')) == 1 then wake.one(ws) end
  end
end

-- Returns how many were taken back, and whether that was all.
function recover.session(sid, blame, why, guilty)
  local named = {}
  for _, entry in ipairs(guilty or {}) do named[entry] = true end
  local held = keys.held(sid)
  local most = tonumber(redis.call('HGET', keys.session(sid), 'max_deliveries') or 3)
  local entries = redis.call('ZRANGE', held, 0, RECOVER_AT_ONCE - 1)
  for _, entry in ipairs(entries) do
    batch.zrem(held, entry)
    local ws, member = entry:match('^([^/]*)/(.*)$')
    recover.one(sid, ws, member, blame and (not next(named) or named[entry]), why, most)
  end
  batch.flush()
  ready.flush()
  if #entries == RECOVER_AT_ONCE then return #entries, false end
  recover.forget_sleeper(sid)
  redis.call('DEL', held, keys.session(sid))
  redis.call('ZREM', keys.root .. 'sessions', sid)
  return #entries, true
end

-- Ends one session whose lease ran out, never the caller's own: it is here, so its renewal is
-- under way. Returns the µs until the next may run out, or -1 if none is left.
function recover.sweep(caller)
  local sessions = keys.root .. 'sessions'
  local first = redis.call('ZRANGE', sessions, 0, 1, 'WITHSCORES')
  local sid, expiry = first[1], tonumber(first[2])
  if sid == caller then sid, expiry = first[3], tonumber(first[4]) end
  if not sid then return -1 end
  if expiry > clock.now then return expiry - clock.now end
  recover.session(sid, true, 'its lease ran out')
  return 0
end
