-- Takes the jobs of a session that is over back to the front, in their old order. Each
-- ended delivery counts against the job; one that ended its process too often is dead.
-- `blame` false: the process ended in order, nothing is counted.
local recover = {}

local RECOVER_AT_ONCE = 100

-- A lease that ran out says less than a process that somebody saw die: its host may have been
-- frozen or cut off. It takes so many times as many of them to call a job poison.
local LAPSES = 3

-- What is blamed on the job is counted in its record: `crashes`, or `lapses`. Returns how many of
-- them, and how many are too many.
local function count(record, read, session)
  if session.lapsed and session.watched then
    local lapses = tonumber(read[8] or 0) + 1
    redis.call('HSET', record, 'lapses', lapses)
    return lapses, session.most * LAPSES
  end
  local crashes = tonumber(read[2] or 0) + 1
  redis.call('HSET', record, 'crashes', crashes)
  return crashes, session.most
end

function recover.one(session, ws, member, blame)
  local id = member:match('^(.*)~%d+$')
  local record = keys.job(ws, id)
  local read = redis.call('HMGET', record, 'took', 'crashes', 'actor', 'attempt', 'key', 'state', 'cancel', 'lapses')
  release.slot(ws, member, read[1], read[5] or '')
  if read[6] ~= 'running' then return end
  local job = {id = id, actor = read[3], attempt = tonumber(read[4] or 0) + 1, key = read[5] or ''}
  local times, most = 0, math.huge
  if blame and not session.overdue then
    times, most = count(record, read, session)
  end
  if blame then events.count(ws, 'reaped') end
  local detail = cjson.encode({reason = session.why, crashes = times, session = session.sid})
  events.of_job(ws, blame and 'reaped' or 'handed_back', blame and 'warning' or 'info', job, detail)
  if read[7] and member == keys.member(id, read[7]) then
    jobs.cancel(ws, job, '{"reason":"asked for while it ran"}')
  elseif blame and session.overdue then
    overdue.fail(ws, record, job, session.tails[ws .. '/' .. member])
  elseif times >= most then
    overdue.keep_tail(record, session.tails[ws .. '/' .. member])
    jobs.die(ws, job, cjson.encode({type = 'Poison', message = session.why .. ', ' .. times .. ' times while it ran'}))
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
    if tally.ready(ws) > 0 or redis.call('EXISTS', keys.ws(ws, 'scheduled')) == 1 then wake.one(ws) end
  end
end

-- Whom the end of a session is blamed on: those that the caller names, for which it was ended; else a job that was on its last
-- chance there, if there was one; else ({}) all of them. It stays the same for the session's
-- later pieces.
local function guilty_of(sid, named, suspect, found)
  if not next(named) and suspect and (found or redis.call('ZSCORE', keys.held(sid), suspect)) then
    named = {suspect}
    redis.call('HSET', keys.session(sid), 'guilty', suspect)
  end
  local guilty = {}
  for _, entry in ipairs(named) do guilty[entry] = true end
  return guilty
end

-- What somebody else wrote under one job's keys must not hold up the others.
local function recover_safely(session, entry, blame)
  local ws, member = entry:match('^([^/]*)/(.*)$')
  local fine, failure = pcall(recover.one, session, ws, member, blame)
  if not fine then events.failed('recover_failed', failure, {lease = entry}) end
end

-- Returns how many were taken back, and whether that was all.
function recover.session(sid, blame, why, named, lapsed, tails)
  local held = keys.held(sid)
  local told = redis.call('HMGET', keys.session(sid), 'max_deliveries', 'watched', 'suspect', 'guilty')
  local session = {sid = sid, why = why, lapsed = lapsed, watched = told[2] == '1', most = tonumber(told[1] or 3),
    tails = tails or {}, overdue = next(named or {}) ~= nil}
  local guilty = guilty_of(sid, named or {}, told[3], told[4])
  local entries = redis.call('ZRANGE', held, 0, RECOVER_AT_ONCE - 1)
  for _, entry in ipairs(entries) do
    batch.zrem(held, entry)
    recover_safely(session, entry, blame and (not next(guilty) or guilty[entry]))
  end
  batch.flush()
  ready.flush()
  if #entries == RECOVER_AT_ONCE then return #entries, false end
  recover.forget_sleeper(sid)
  redis.call('DEL', held, keys.session(sid))
  redis.call('ZREM', keys.root .. 'sessions', sid)
  -- Should its process live, it hears that what it runs is no longer its own.
  if lapsed then wake.tell(sid, '* now') end
  return #entries, true
end

-- Whether the caller's own lease has run out: what it is given could be another's the next moment.
function recover.has_lapsed(caller)
  local sessions = keys.root .. 'sessions'
  local first = redis.call('ZRANGE', sessions, 0, 0, 'WITHSCORES')
  if not first[1] or tonumber(first[2]) > clock.now then return false end
  return tonumber(redis.call('ZSCORE', sessions, caller)) <= clock.now
end

-- Each guest has a lease of its own, and a process may have had many.
local GUESTS_AT_ONCE = 50

-- Returns how many were over.
function recover.guests()
  local sessions, swept = keys.root .. 'sessions', 0
  local lapsed = redis.call('ZRANGEBYSCORE', sessions, '-inf', clock.text, 'WITHSCORES', 'LIMIT', 0, GUESTS_AT_ONCE)
  for i = 1, #lapsed, 2 do
    local sid = lapsed[i]
    if guests.is(sid) and guests.is_over(sid, tonumber(lapsed[i + 1])) then
      guests.say_lost(sid)
      -- Without a record there is nothing else to forget.
      if not release.guest(sid) then redis.call('ZREM', sessions, sid) end
      swept = swept + 1
    end
  end
  batch.flush()
  return swept
end

-- Ends one session whose lease ran out, never the caller's own: it is here, so its renewal is
-- under way. Returns the µs until the next may run out, or -1 if none is left.
function recover.sweep(caller)
  local sessions = keys.root .. 'sessions'
  local first = redis.call('ZRANGE', sessions, 0, 1, 'WITHSCORES')
  local sid, expiry = first[1], tonumber(first[2])
  if sid == caller then sid, expiry = first[3], tonumber(first[4]) end
  if not sid then return -1 end
  if expiry <= clock.now and guests.is(sid) and recover.guests() > 0 then return 0 end
  local from = math.max(expiry, clock.settled)
  if from > clock.now then return from - clock.now end
  recover.session(sid, true, 'its lease ran out', nil, true)
  return 0
end
