-- Sleepers: processes with threads to spare that wait to be told. PUBLISH returns how many
-- heard it, so a dead sleeper is passed over and the next one is tried. On a Cluster that
-- count is per node, which is why a shard's sleepers subscribe where the shard lives.
-- A message says which workstream to ask for, and when: "mail now", "mail 20000" (µs), "* now".
local TRIES = 8

local function wake_channel(sid) return ROOT .. 'wake:' .. sid end

-- Tells one sleeper of the workstream to ask now.
local function wake_one(ws)
  local sleepers = ws_key(ws, 'sleepers')
  for _ = 1, TRIES do
    local sid = redis.call('ZPOPMIN', sleepers)[1]
    if not sid then return false end
    if redis.call('PUBLISH', wake_channel(sid), ws .. ' now') > 0 then return true end
  end
  return false
end

-- Hands the timer of the workstream to a sleeper, by a message that carries the wait, so
-- that it need not ask before. It stays a sleeper.
local function hand_timer(ws, at)
  local sleepers, gate = ws_key(ws, 'sleepers'), ws_key(ws, 'gate')
  for _ = 1, TRIES do
    local sid = redis.call('ZRANGE', sleepers, 0, 0)[1]
    if not sid then
      redis.call('HDEL', gate, 'owner', 'at', 'deputy', 'deputy_at')
      return
    end
    if redis.call('PUBLISH', wake_channel(sid), ws .. ' ' .. digits(at - NOW)) > 0 then
      redis.call('HSET', gate, 'owner', sid, 'at', digits(at))
      return
    end
    redis.call('ZREM', sleepers, sid)
  end
end

-- While a gate is shut a send wakes nobody: what opens it will.
local function shut_gate(ws, why, limit, at)
  redis.call('HSET', ws_key(ws, 'gate'), 'why', why, 'limit', limit, 'until', at and digits(at) or 'inf')
end

local function open_gate(ws) redis.call('HDEL', ws_key(ws, 'gate'), 'why', 'limit', 'until') end

local function gate_is_shut(ws)
  local til = redis.call('HGET', ws_key(ws, 'gate'), 'until')
  return til and (til == 'inf' or tonumber(til) > NOW)
end

local function wake_for_work(ws)
  if gate_is_shut(ws) then return end
  wake_one(ws)
end
