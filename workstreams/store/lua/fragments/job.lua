-- A job record: an immutable body beside options and counters. `v` is its format.
local jobs = {}

-- The last µs of the year 9999: what is due later than a whole number can say is not due at once.
local LATEST = 253402300799999999

-- text: '' for now, '+µs' from now, '@µs' since 1970.
function jobs.due_of(text)
  if text == '' then return 0 end
  local n = tonumber(text:sub(2))
  return math.min(text:sub(1, 1) == '+' and clock.now + n or n, LATEST)
end

-- Returns the job's state, or false if its id is known already: a re-sent send changes nothing.
-- What is as usual (no key, cost 1, no shift, no delay) is not written. due_text: when it is due and, after a
-- "!", when it expires: it starts no more from then on. is_new: whether its id is known to be new.
function jobs.put(ws, id, key, shift, cost, due_text, actor, body, options, is_new)
  local job = keys.job(ws, id)
  if not is_new and redis.call('HSETNX', job, 'v', '1') == 0 then return false end
  local bang = due_text:find('!', 1, true)
  if bang then
    redis.call('HSET', job, 'expires', digits(jobs.due_of(due_text:sub(bang + 1))))
    due_text = due_text:sub(1, bang - 1)
  end
  local due = jobs.due_of(due_text)
  local delayed, score = due > clock.now, clock.text
  if shift ~= 0 then score = digits(clock.now + shift) end
  local state = delayed and 'scheduled' or 'waiting'
  if key == '' and tonumber(cost) == 1 and shift == 0 and not delayed then
    redis.call('HSET', job, 'v', '1', 'body', body, 'options', options, 'actor', actor, 'sent', clock.text,
      'state', state, 'score', score)
  else
    redis.call('HSET', job, 'v', '1', 'body', body, 'options', options, 'actor', actor, 'sent', clock.text,
      'state', state, 'score', delayed and '' or score, 'key', key, 'shift', shift, 'cost', cost, 'due', delayed and digits(due) or '')
  end
  if delayed then
    jobs.schedule(ws, id, due)
  else
    ready.put(ws, id, key, score, tonumber(cost))
  end
  events.of_job(ws, 'sent', 'debug', {id = id, actor = actor, key = key}, delayed and '{"due_us":' .. digits(due) .. '}')
  events.count(ws, 'sent')
  return state
end

-- `noted` remembers the earliest time that this call put something off to, so that somebody
-- is told of it.
calls.gathers(jobs, 'noted')

function jobs.note_due(ws, due) jobs.noted[ws] = math.min(jobs.noted[ws] or due, due) end

function jobs.schedule(ws, id, due)
  redis.call('ZADD', keys.ws(ws, 'scheduled'), digits(due), id)
  tally.note_due(ws, due)
  jobs.note_due(ws, due)
end

-- Tells a sleeper of each workstream what time to ask at; `asked` were told in their answers.
function jobs.tell_due(asked)
  for ws, due in pairs(jobs.noted) do
    if not asked[ws] then timer.hand_over(ws, due) end
  end
end
