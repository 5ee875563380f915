-- One workstream's turn in an exchange: promote what is due, pass every gate or none, take,
-- and arrange who asks next.
local admission = {}

-- Threads are left over: be told when to ask again.
function admission.sleep(ws, caller, at)
  redis.call('ZADD', keys.ws(ws, 'sleepers'), 'NX', clock.text, caller.sid)
  if at then return timer.keep(ws, caller.sid, at) or -1 end
  timer.leave(ws, caller.sid)
  return -1
end

-- The caller has no thread left for this workstream; others may have.
function admission.pass_on(ws, caller)
  timer.leave(ws, caller.sid)
  redis.call('ZREM', keys.ws(ws, 'sleepers'), caller.sid)
  -- With nobody to tell, whoever comes next looks for itself.
  if redis.call('EXISTS', keys.ws(ws, 'sleepers')) == 0 then return end
  latch.open(ws)
  local at, head = ready.next_due(ws), ready.head(ws, 1)
  if head then
    local need = ready.cost_of(ws, head)
    local _, why, by, when = gate.of(ws, need)
    if not why then
      wake.one(ws)
      return
    end
    latch.shut(ws, why, by, when, need)
    at = when and latch.look_at(ws, need, when)
  end
  if at then timer.hand_over(ws, at) end
end

-- Returns why ('' when more could start at once, 'empty' when nothing waits), and the µs
-- after which the caller asks again by itself, or -1.
function admission.turn(ws, asked, caller, grants)
  if not settings.of(ws) then return 'unsettled', -1 end
  ready.promote(ws)
  local head = ready.head(ws, math.min(asked, taking.MOST))
  if not head then
    latch.open(ws)
    ready.recount(ws)
    return 'empty', admission.sleep(ws, caller, ready.next_due(ws))
  end
  local need = ready.cost_of(ws, head)
  local room, why, by, at = gate.of(ws, need)
  -- A job dearer than its rate allows at all would wait for ever: it is taken, to be buried.
  if not why or (why == 'rate' and settings.too_dear(ws, need)) then
    local given, _, refused = taking.jobs(ws, asked, room, caller, grants, head)
    if given == asked then
      admission.pass_on(ws, caller)
      return '', -1
    end
    head = not refused and ready.head(ws, 1)
    need = refused or head and ready.cost_of(ws, head)
    if not need then
      latch.open(ws)
      return 'empty', admission.sleep(ws, caller, ready.next_due(ws))
    end
    room, why, by, at = gate.of(ws, need)
  end
  if not why then
    -- The tries of one call were used up on what could not run: go on in another.
    latch.open(ws)
    return '', 0
  end
  latch.shut(ws, why, by, at, need)
  return why, admission.sleep(ws, caller, at and latch.look_at(ws, need, at))
end
