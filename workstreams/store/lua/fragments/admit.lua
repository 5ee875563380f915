-- One workstream's turn in an exchange: promote what is due, pass every gate or none, take,
-- and arrange who asks next. Returns given, why ('' when more could start), wait µs or -1.
local function sleep_for(ws, caller, at)
  redis.call('ZADD', ws_key(ws, 'sleepers'), 'NX', digits(NOW), caller.sid)
  if not at then return -1 end
  return keep_timer(ws, caller.sid, at) or -1
end

-- The caller has no thread left for this workstream; others may have.
local function pass_on(ws, caller)
  redis.call('ZREM', ws_key(ws, 'sleepers'), caller.sid)
  if redis.call('EXISTS', ws_key(ws, 'sleepers')) == 0 then return '' end
  local due = next_due(ws)
  if waiting_in(ws) > 0 then
    local _, _, why, by, at = gate_of(ws, 1)
    if not why then
      wake_one(ws)
      return ''
    end
    shut_gate(ws, why, by, at)
    remember_refusal(ws, by)
    if at and (not due or at < due) then due = at end
  end
  if due then hand_timer(ws, due) end
  return ''
end

local function admit(ws, asked, caller, grants)
  promote_due(ws)
  local slots, units, why, by, at = gate_of(ws, 1)
  if why == 'unsettled' then return 0, why, -1 end
  local given, refused = 0, nil
  if not why then given, refused = take(ws, asked, slots, units, caller, grants) end
  if given == asked then return given, pass_on(ws, caller), -1 end

  local waiting = waiting_in(ws)
  if waiting > 0 then slots, units, why, by, at = gate_of(ws, refused or 1) end
  local due = next_due(ws)
  if waiting == 0 or not why then
    open_gate(ws)
    -- Ready jobs, an open gate and idle threads: a script that ran out of tries says "again now".
    if waiting > 0 then return given, '', 0 end
    return given, 'empty', sleep_for(ws, caller, due)
  end
  shut_gate(ws, why, by, at)
  remember_refusal(ws, by)
  if at and due then at = math.min(at, due) end
  return given, why, sleep_for(ws, caller, at or due)
end
