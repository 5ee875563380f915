-- A mutating call carries a request id. A client that lost the reply sends the call again,
-- and gets the first reply instead of a second effect. Kept for as long as clients re-send.
local requests = {}

local KEEP_SECONDS = 20

function requests.answer(request)
  local answer = redis.call('GET', keys.root .. 'request:' .. request)
  return answer and cjson.decode(answer)
end

function requests.keep(request, answer)
  redis.call('SET', keys.root .. 'request:' .. request, cjson.encode(answer), 'EX', KEEP_SECONDS)
  return answer
end
