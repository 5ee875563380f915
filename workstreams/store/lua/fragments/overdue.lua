-- A job whose process had to be ended because it did not stop when its time was over: one attempt has
-- failed, as if the time limit had stopped it. (`object` is the deaths'.)
local overdue = {}

local FIRST_PAUSE, LONGEST_PAUSE, UNKNOWN = 1000000, 3600000000, 20

-- How many retries the job has: its own number, or its actor's as a worker told it. nil is no end.
local function retries_of(options, actor)
  local most = object(options).max_retries
  if most == nil then most = object(redis.call('HGET', keys.root .. 'actors', actor or '')).max_retries end
  if most == nil then return UNKNOWN end
  return type(most) == 'number' and most or nil
end

-- What a dead job and its process wrote last.
function overdue.keep_tail(record, tail)
  if tail then redis.call('HSET', record, 'tail', cjson.encode(tail)) end
end

function overdue.fail(ws, record, job, tail)
  local read = redis.call('HMGET', record, 'options', 'attempt')
  local most, spent = retries_of(read[1], job.actor), tonumber(read[2] or 0)
  local why = cjson.encode({type = 'TimeLimitExceeded',
    message = 'it did not stop when its time was over, and was ended with its process'})
  if most and spent >= most then
    overdue.keep_tail(record, tail)
    jobs.die(ws, job, why)
    return
  end
  local pause = math.min(FIRST_PAUSE * 2 ^ math.min(spent, 20), LONGEST_PAUSE)
  redis.call('HSET', record, 'state', 'scheduled', 'error', why, 'due', digits(clock.now + pause), 'score', '')
  redis.call('HINCRBY', record, 'attempt', 1)
  jobs.schedule(ws, job.id, clock.now + pause)
  events.of_job(ws, 'retrying', 'warning', job, cjson.encode({error = 'TimeLimitExceeded', delay_ms = pause / 1000}))
  events.count(ws, 'retried')
end
