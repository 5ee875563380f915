-- One workstream's turn in an exchange: promote what is due, pass every gate or none, take,
-- and arrange who asks next.
local admission = {}

-- Threads are left over: be told when to ask again.
function admission.sleep(ws, caller, at)
  redis.call('ZADD', keys.ws(ws, 'sleepers'), 'NX', clock.text, caller.sid)
  wake.note_nobody(ws, false)
  if at then return timer.keep(ws, caller.sid, at) or -1 end
  timer.leave(ws, caller.sid)
  return -1
end

-- The caller has no thread left for this workstream; others may have.
function admission.pass_on(ws, caller)
  timer.leave(ws, caller.sid)
  -- With nobody to tell, whoever comes next looks for itself.
  if wake.knows_nobody(ws) then return end
  redis.call('ZREM', keys.ws(ws, 'sleepers'), caller.sid)
  if redis.call('EXISTS', keys.ws(ws, 'sleepers')) == 0 then
    wake.note_nobody(ws, true)
    return
  end
  latch.open(ws)
  local head, tired = line.head(ws, 1)
  local at = ready.next_due(ws)
  if head then
    local why, by, when = gate.refuses(gate.of_workstream(ws), head.cost)
    if why then
      latch.shut(ws, why, by, when, head.cost)
      at = when and latch.look_at(ws, by, head.cost, when)
    end
    tired = not why
  end
  if tired then
    wake.one(ws)
  elseif at then
    timer.hand_over(ws, at)
  end
end

-- Nothing may be asked for but what is due, or held for its key, later.
function admission.nothing(ws, caller)
  order.flush(ws)
  latch.open(ws)
  ready.recount(ws)
  local why = turns.any_held(ws) and tally.ready(ws) > 0 and 'key' or 'empty'
  return why, admission.sleep(ws, caller, ready.next_due(ws))
end

-- The tries of one call were used up on what cannot run: go on in another.
function admission.go_on(ws)
  latch.open(ws)
  return '', 0
end

local function turn(ws, asked, caller, grants)
  if not settings.of(ws) then return 'unsettled', -1 end
  ready.promote(ws)
  local head, tired = line.head(ws, math.min(asked, taking.MOST))
  if tired then return admission.go_on(ws) end
  if not head then return admission.nothing(ws, caller) end
  local room, need = gate.of_workstream(ws), head.cost
  local why, by, at = gate.refuses(room, need)
  head.fits = not why
  -- A job dearer than its rate allows at all would wait for ever: it is taken, to be buried.
  if not why or (why == 'rate' and settings.too_dear(ws, need)) then
    local given
    given, need, tired = taking.jobs(ws, asked, room, caller, grants, head)
    if given == asked then
      admission.pass_on(ws, caller)
      return '', -1
    end
    if tired then return admission.go_on(ws) end
    if not need then return admission.nothing(ws, caller) end
    why, by, at = gate.refuses(room, need)
  end
  latch.shut(ws, why, by, at, need)
  return why, admission.sleep(ws, caller, at and latch.look_at(ws, by, need, at))
end

-- µs after which a workstream is asked for again where something else than ours stands under its keys.
local BROKEN = 1000000

-- What was taken until then is leased and charged, and its caller is told of it: else nobody would ever have it again.
local function break_off(ws, caller, failure)
  caller.broken = true
  for _, write in ipairs({batch.flush, rate.flush, ready.flush, order.flush}) do pcall(write, ws) end
  events.failed('admission_failed', failure, {workstream = ws})
  return 'broken', BROKEN
end

-- Returns why ('' when more could start at once, 'empty' when nothing waits, 'broken' where it could not be told), and
-- the µs after which the caller asks again by itself, or -1.
function admission.turn(ws, asked, caller, grants)
  local fine, why, wait = pcall(turn, ws, asked, caller, grants)
  if not fine then return break_off(ws, caller, why) end
  order.flush(ws)
  return why, wait
end
