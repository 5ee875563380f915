-- counter: numbers that expire, under bounds, for Dramatiq's rate limiters and barriers.
--
-- KEYS[1]  clock of the shard
-- ARGV[1]  JSON {request, op: "add" | "incr" | "decr" | "incr_and_sum", key, keys [name...],
--          amount (of "add": the number itself), bound, ttl ms}
-- Returns  1 when it was done, 0 when the bound forbade it or, for "add", one was there
--
-- A call sent again has no second effect: a limiter would count one holder twice.

local call = cjson.decode(ARGV[1])
local answered = requests.answer(call.request)
if answered then return answered end

local function counter(name) return keys.root .. 'counter:' .. name end
local function value(name) return tonumber(redis.call('GET', counter(name)) or 0) end

local ops = {}

function ops.add() return redis.call('EXISTS', counter(call.key)) == 0 and call.amount end

function ops.incr()
  local sum = value(call.key) + call.amount
  return sum <= call.bound and sum
end

function ops.decr()
  local rest = value(call.key) - call.amount
  return rest >= call.bound and rest
end

function ops.incr_and_sum()
  local total = call.amount
  for _, name in ipairs(call.keys) do total = total + value(name) end
  return total <= call.bound and ops.incr()
end

local new = ops[call.op]()
if new then redis.call('SET', counter(call.key), digits(new), 'PX', digits(call.ttl)) end
return requests.keep(call.request, new and 1 or 0)
