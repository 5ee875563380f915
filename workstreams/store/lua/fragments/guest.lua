-- Guests: blocks outside of jobs that hold slots, or wait for one. A guest is called guest:<process>.<number>, and its
-- process hears for all of them as guest:<process>. Among the holders of a limit it stands by its name, which no
-- lease of a job can have: those end in ~delivery.
local guests = {}

-- µs. Who waits for a slot asks at least every second: there is somebody as long as it asks.
local STAYS = 2000000
-- µs for which a slot that a job gave back is kept for the guest that is told of it. A busy worker asks in the same
-- call that frees a slot: beside a backlog a guest would wait for ever.
local TURN = 50000
-- ms that a line of guests outlives the last one who came.
local OUTLIVES = 60000
local TRIES = 64

function guests.is(sid) return sid:sub(1, 6) == 'guest:' end

-- The limits that have to let in whoever names a workstream or a shared limit; nil where nobody published it.
function guests.limits(name)
  local set = settings.of(name)
  if set then return set.limits end
  return settings.limit(name).known and {name}
end

-- What there is room for, with the slots that are kept for guests. Returns the room, and those limits.
function guests.room(name, names)
  local kept = {}
  for _, one in ipairs(names) do
    local limit = settings.limit(one)
    if limit.turn > clock.now then kept[#kept + 1] = one end
    limit.turn = 0
  end
  return settings.of(name) and gate.of_workstream(name) or gate.of(names), kept
end

-- Waits in line for a slot of one limit.
function guests.wait(sid, name, since)
  local queue = keys.limit(name, 'queue')
  redis.call('ZADD', queue, since, sid)
  redis.call('PEXPIRE', queue, OUTLIVES)
  redis.call('HSET', keys.clock, 'guests', digits(clock.now + STAYS))
end

function guests.leave_lines(sid, names)
  for _, name in ipairs(names) do redis.call('ZREM', keys.limit(name, 'queue'), sid) end
end

-- A slot of a limit is free: tells the guest that waits longest, of those whose process hears. `keep`: it is kept for it.
function guests.tell(name, keep)
  if clock.guests <= clock.now then return end
  for _ = 1, TRIES do
    local sid = redis.call('ZPOPMIN', keys.limit(name, 'queue'))[1]
    if not sid then return end
    if wake.tell(sid:match('^[^.]*'), sid .. ' now') then
      if keep then
        settings.limit(name).turn = clock.now + TURN
        redis.call('HSET', keys.limit(name, 'settings'), 'turn', digits(clock.now + TURN))
      end
      return
    end
  end
end

-- Takes a slot of each limit, under a lease of its own; also where a limit has no concurrency, as jobs do: it is counted
-- from the moment at which one is set.
function guests.hold(guest, names)
  local own, took = '', {}
  for _, name in ipairs(names) do
    redis.call('ZADD', settings.limit(name).holders, clock.text, guest.sid)
    if settings.of(name) then own = name else took[#took + 1] = name end
  end
  if own ~= '' then redis.call('ZADD', keys.ws(own, 'guests'), clock.text, guest.sid) end
  redis.call('ZADD', keys.root .. 'sessions', digits(clock.now + guest.lease), guest.sid)
  redis.call('HSET', keys.session(guest.sid), 'worker', guest.worker, 'limit', guest.name, 'started', clock.text,
    'workstream', own, 'took', table.concat(took, ','))
  clock.note_lease(guest.lease)
end

-- To be called when the settings of a workstream have changed: those who are in hold a slot of what is new to it as well.
function guests.adopt(ws)
  local inside = redis.call('ZRANGE', keys.ws(ws, 'guests'), 0, -1, 'WITHSCORES')
  for i = 1, #inside, 2 do
    local session = keys.session(inside[i])
    local took, had = redis.call('HGET', session, 'took') or '', {}
    for name in took:gmatch('[^,]+') do had[name] = true end
    for _, name in ipairs(settings.of(ws).limits) do
      if name ~= ws and not had[name] then
        redis.call('ZADD', keys.limit(name, 'holders'), inside[i + 1], inside[i])
        took = took .. ',' .. name
      end
    end
    redis.call('HSET', session, 'took', took)
  end
end

-- The turns that were kept are over.
function guests.end_turns(kept)
  for _, name in ipairs(kept) do redis.call('HDEL', keys.limit(name, 'settings'), 'turn') end
end

-- Whether the lease of a guest, which ran out at `expiry`, is over for good. Where only guests live there may be silence
-- between any two calls, and none of them tells a pause of Redis: each lease gets the grace of the first who looks.
function guests.is_over(sid, expiry)
  if clock.settled <= clock.now then return true end
  local at, til = (redis.call('HGET', keys.session(sid), 'seen') or ''):match('^(%d+) (%d+)$')
  if tonumber(at) == expiry then return tonumber(til) <= clock.now end
  redis.call('HSET', keys.session(sid), 'seen', digits(expiry) .. ' ' .. digits(clock.settled))
  return false
end

-- The lease of a guest ran out: its process is dead, or learns of it.
function guests.say_lost(sid)
  local read = redis.call('HMGET', keys.session(sid), 'worker', 'limit', 'workstream')
  local who, x = {attempt = '', worker = read[1] or ''}, cjson.encode({limit = read[2] or '', reason = 'its lease ran out'})
  if read[3] and read[3] ~= '' then return events.of_job(read[3], 'limit_lost', 'warning', who, x) end
  events.of_app('limit_lost', 'warning', who, x)
end
