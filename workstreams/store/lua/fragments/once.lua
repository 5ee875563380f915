-- A mutating call carries a request id. A client that lost the reply sends the call again,
-- and gets the first reply instead of a second effect. Kept for as long as clients re-send.
local KEEP_SECONDS = 20

local function once(request)
  local answer = redis.call('GET', ROOT .. 'request:' .. request)
  return answer and cjson.decode(answer)
end

local function keep_answer(request, answer)
  redis.call('SET', ROOT .. 'request:' .. request, cjson.encode(answer), 'EX', KEEP_SECONDS)
  return answer
end
