-- The proof that a delivery may end its job: nobody took its lease.

-- Which of these deliveries still hold their jobs; each proof is good once. What is remembered to run
-- in this session need not be asked for, and has its job here.
function ends.proofs(sid, finishes)
  local held, running, seen, proofs, asked, places = keys.held(sid), memory.now.running, {}, {}, {}, {}
  for i, f in ipairs(finishes) do
    f.member = keys.member(f.i, digits(f.d))
    local lease = f.w .. '/' .. f.member
    local job = not seen[lease] and running[lease]
    if job and job.sid == sid then
      f.job, proofs[i] = job, true
      batch.zrem(held, lease)
    elseif not seen[lease] then
      asked[#asked + 1], places[#places + 1] = lease, i
    end
    seen[lease], running[lease] = true, nil
  end
  if not asked[1] then return proofs end
  for n, score in ipairs(redis.call('ZMSCORE', held, unpack(asked))) do
    if score then
      proofs[places[n]] = true
      batch.zrem(held, asked[n])
    end
  end
  return proofs
end

-- Whether this very delivery has ended already: a copy of a call came late.
local ENDED = {done = true, dead = true, cancelled = true, discarded = true}

function ends.is_repeated(f)
  local record = redis.call('HMGET', keys.job(f.w, f.i), 'state', 'deliveries')
  return ENDED[record[1]] and record[2] == digits(f.d)
end
