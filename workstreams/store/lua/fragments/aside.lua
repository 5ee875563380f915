-- Jobs at the head that never run, or not now, and make way for what stands behind them.
local aside = {}

-- A job that could never start would hold its key up for ever: a rate was lowered below it.
function aside.bury_dear(ws, id, job, limit, cost)
  local reason = {type = 'CostTooHigh', message = string.format('it costs %.14g, and the limit "%s" allows %.14g in a window',
    cost, limit.name, limit.most)}
  jobs.die(ws, {id = id, actor = job[5], attempt = tonumber(job[3] or 0) + 1, key = job[7] or ''}, cjson.encode(reason))
end

-- A job that has ended its process as often as it may but once is on its last chance. In one
-- process there is one of them at a time: should that process end as well, it is known who did it, and
-- its neighbours are not blamed.
local SET_ASIDE = 500000

function aside.is_suspect(job, caller) return job[9] and caller.most > 1 and tonumber(job[9]) >= caller.most - 1 end

function aside.has_suspect(caller)
  if caller.risks == nil then
    local suspect = redis.call('HGET', keys.session(caller.sid), 'suspect')
    caller.risks = suspect and redis.call('ZSCORE', keys.held(caller.sid), suspect) and true or false
  end
  return caller.risks
end

function aside.risk(ws, grant, caller)
  caller.risks = true
  redis.call('HSET', keys.session(caller.sid), 'suspect', ws .. '/' .. keys.member(grant[2], digits(grant[3])))
end

-- It makes way for what stands behind it, and is offered again soon, in its place.
function aside.set_aside(ws, id)
  redis.call('HSET', keys.job(ws, id), 'state', 'scheduled', 'due', digits(clock.now + SET_ASIDE))
  jobs.schedule(ws, id, clock.now + SET_ASIDE)
end

-- What is of no use any longer when it could start at last.
function aside.drop_expired(ws, id, job)
  redis.call('HSET', keys.job(ws, id), 'error', '{"type":"Expired","message":"it could not start before it expired"}')
  jobs.keep(ws, id, 'discarded')
  events.of_job(ws, 'discarded', 'warning', {id = id, actor = job[5], attempt = tonumber(job[3] or 0) + 1, key = job[7] or ''},
    '{"reason":"expired"}')
  events.count(ws, 'discarded')
  if job[12] then jobs.tell_ended(id, 'discarded') end
end

-- What never runs, or not now, and makes way for what stands behind it. Returns whether it does.
function aside.makes_way(ws, id, job, cost, caller)
  if not job[1] or job[8] ~= 'waiting' then return true end
  local dear, over = settings.too_dear(ws, cost, job[7])
  if job[10] and job[10] ~= '' and tonumber(job[10]) <= clock.now then
    aside.drop_expired(ws, id, job)
  elseif dear then
    aside.bury_dear(ws, id, job, dear, over)
  elseif aside.is_suspect(job, caller) and aside.has_suspect(caller) then
    aside.set_aside(ws, id)
  else
    return false
  end
  return true
end
