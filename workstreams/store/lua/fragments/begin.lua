-- A library's locals outlive a call, and a call may stop anywhere. So nothing is left for the next one
-- by being cleaned up at the end: whoever gathers something in a call says here how it begins.
local calls = {beginnings = {}}

function calls.begin_with(reset) calls.beginnings[#calls.beginnings + 1] = reset end

-- The first words of every operation.
function calls.begin(KEYS)
  local beginnings = calls.beginnings
  for i = 1, #beginnings do beginnings[i](KEYS) end
end
