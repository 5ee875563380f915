-- One workstream's turn in an exchange: promote what is due, pass every gate or none, take,
-- and arrange who asks next.
local admission = {}

-- Any job needs at least this much room; what the first one really needs is seen when it is taken.
local LEAST = 1e-3

-- Threads are left over: be told when to ask again.
function admission.sleep(ws, caller, at)
  redis.call('ZADD', keys.ws(ws, 'sleepers'), 'NX', digits(clock.now), caller.sid)
  if at then return timer.keep(ws, caller.sid, at) or -1 end
  timer.leave(ws, caller.sid)
  return -1
end

-- The caller has no thread left for this workstream; others may have.
function admission.pass_on(ws, caller)
  redis.call('ZREM', keys.ws(ws, 'sleepers'), caller.sid)
  timer.leave(ws, caller.sid)
  gate.open(ws)
  local at = ready.next_due(ws)
  if ready.count(ws) > 0 then
    local _, why, by, when = gate.of(ws, LEAST)
    if not why then
      wake.one(ws)
      return
    end
    gate.shut(ws, why, by, when)
    at = when
  end
  if at then timer.hand_over(ws, at) end
end

-- Returns why ('' when more could start at once, 'empty' when nothing waits), and the µs
-- after which the caller asks again by itself, or -1.
function admission.turn(ws, asked, caller, grants)
  ready.promote(ws)
  local room, why, by, at = gate.of(ws, LEAST)
  if why == 'unsettled' then return why, -1 end
  local given, gone, refused = 0, 0, nil
  if not why then
    given, gone, refused = taking.jobs(ws, asked, room, caller, grants)
    if given == asked then
      admission.pass_on(ws, caller)
      return '', -1
    end
  end
  if ready.count(ws) == 0 then
    gate.open(ws)
    return 'empty', admission.sleep(ws, caller, ready.next_due(ws))
  end
  if not why then room, why, by, at = gate.of(ws, refused or LEAST) end
  if not why then
    -- The tries of one call were used up on what could not run: go on in another.
    gate.open(ws)
    return '', 0
  end
  gate.shut(ws, why, by, at)
  -- What is due meanwhile can start no earlier than the gate opens.
  return why, admission.sleep(ws, caller, at)
end
