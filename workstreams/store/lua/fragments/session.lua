-- A session's part in an exchange: who it is, and what it was answered last.
local sessions = {}

-- {seqs, bounded, most}, or nil when the session is over.
function sessions.of(sid)
  local known = memory.now.sessions[sid]
  if known then return known end
  local read = redis.call('HMGET', keys.session(sid), 'bounded', 'max_deliveries')
  if not read[1] then return nil end
  known = {seqs = {}, bounded = read[1] == '1', most = tonumber(read[2] or 3)}
  memory.now.sessions[sid] = known
  return known
end

-- The number of the last call that a courier of a session carried.
function sessions.seq(sid, courier)
  local seqs = sessions.of(sid).seqs
  seqs[courier] = seqs[courier] or tonumber(redis.call('HGET', keys.session(sid), 'seq:' .. courier) or 0)
  return seqs[courier]
end

-- Whether anybody's lease has run out, the caller's own included.
function sessions.any_lapsed()
  if clock.now < (memory.now.safe_until or 0) then return false end
  local expiry = tonumber(redis.call('ZRANGE', keys.root .. 'sessions', 0, 0, 'WITHSCORES')[2] or 0)
  memory.now.safe_until = expiry
  return expiry <= clock.now
end

-- INFO takes longer than all else in a call: what it says is believed for so many µs.
local BELIEVED = 50000

function sessions.out_of_memory()
  local now = memory.now
  if now.looked and clock.now < now.looked + BELIEVED then return now.is_full end
  local info = redis.call('INFO', 'memory')
  local most = tonumber(info:match('maxmemory:(%d+)'))
  now.looked, now.is_full = clock.now, most > 0 and tonumber(info:match('used_memory:(%d+)')) >= most
  return now.is_full
end

-- A line for each thing that a call was answered, its kind first; of a grant only its lease, because all else about
-- it is in the job's record. answer: {epoch, now, refused, grants, answers, gone}.
function sessions.remember(sid, courier, seq, answer)
  local lines = {answer[2]}
  for _, place in ipairs(answer[3]) do lines[#lines + 1] = 'r' .. place end
  for _, g in ipairs(answer[4]) do lines[#lines + 1] = 'g' .. g[1] .. '/' .. keys.member(g[2], digits(g[3])) end
  for _, a in ipairs(answer[5]) do lines[#lines + 1] = 'a' .. a[1] .. '/' .. a[2] .. '/' .. digits(a[3]) end
  for _, lease in ipairs(answer[6]) do lines[#lines + 1] = 'l' .. lease end
  redis.call('HSET', keys.session(sid), 'seq:' .. courier, seq, 'answer:' .. courier, table.concat(lines, '\n'))
  sessions.of(sid).seqs[courier] = seq
end

local function grant(lease, now)
  local ws, id, delivery = lease:match('^([^/]*)/(.*)~(%d+)$')
  local job = redis.call('HMGET', keys.job(ws, id), 'body', 'options', 'attempt', 'key', 'started')
  return {ws, id, tonumber(delivery), job[1] or '', job[2] or '{}', tonumber(job[3] or 0) + 1, job[4] or '', job[5] or now}
end

-- The same answer again.
function sessions.replay(sid, courier)
  local stored = redis.call('HGET', keys.session(sid), 'answer:' .. courier)
  local now = stored:match('^%d+')
  local refused, grants, answers, gone = {}, {}, {}, {}
  for kind, rest in stored:gmatch('\n(%l)([^\n]*)') do
    if kind == 'r' then
      refused[#refused + 1] = tonumber(rest)
    elseif kind == 'g' then
      grants[#grants + 1] = grant(rest, now)
    elseif kind == 'a' then
      local ws, why, wait = rest:match('^([^/]*)/(.*)/(%-?%d+)$')
      answers[#answers + 1] = {ws, why, tonumber(wait)}
    else
      gone[#gone + 1] = rest
    end
  end
  return {clock.epoch, now, refused, grants, answers, gone}
end
