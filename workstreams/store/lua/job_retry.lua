-- job_retry: jobs that ended wait again with all their attempts before them; a scheduled one waits now.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, workstream, only, epoch, fresh}; with `only`, jobs in that state
-- ARGV[2…] three words a job: id, its options as the caller read them, its options without what
--          earlier attempts counted
-- Returns  {state before | "gone" | "changed", ...}, one for each job; "changed": its options are
--          others by now, read them again

local WORDS = 3
local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end
clock.read(call.epoch, call.fresh)
local ws = call.workstream
local ENDED = {dead = true, done = true, cancelled = true, discarded = true}

local function begin_again(job, options)
  local record = keys.job(ws, job.id)
  redis.call('ZREM', keys.ws(ws, 'dead'), job.id)
  redis.call('ZREM', keys.ws(ws, 'done'), job.id)
  redis.call('PERSIST', record)
  redis.call('HSET', record, 'options', options, 'attempt', 0, 'crashes', 0)
  -- Whoever asks for it wants it to run, however late.
  redis.call('HDEL', record, 'ended', 'cancel', 'lapses', 'tail', 'expires')
  -- Whoever asks for the result must not be given that of the run before.
  redis.call('DEL', keys.ws(ws, 'result:' .. job.id))
end

local function put(job)
  local kept = job.state == 'scheduled' and job.score and job.score ~= '' and job.score
  local score = kept or digits(clock.now + tonumber(job.shift or 0))
  redis.call('HSET', keys.job(ws, job.id), 'state', 'waiting', 'score', score, 'due', '')
  ready.put(ws, job.id, job.key or '', score)
  events.of_job(ws, 'retrying', 'info', job, cjson.encode({reason = 'asked for', was = job.state}))
end

-- Returns the state before, or why nothing was done.
local function retry(job, known, options)
  if not job then return 'gone' end
  if call.only and job.state ~= call.only then return job.state end
  if ENDED[job.state] then
    if job.options ~= known then return 'changed' end
    begin_again(job, options)
    job.attempt = 1
    put(job)
  elseif job.state == 'scheduled' then
    redis.call('ZREM', keys.ws(ws, 'scheduled'), job.id)
    put(job)
  end
  return job.state
end

local verdicts = {}
for i = 2, #ARGV, WORDS do
  verdicts[#verdicts + 1] = retry(change.read(ws, ARGV[i]), ARGV[i + 1], ARGV[i + 2])
end
ready.flush()
if tally.ready(ws) > 0 then wake.for_work(ws) end
events.flush()
return requests.keep(call.request, verdicts)
