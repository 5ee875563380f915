-- A library's locals outlive a call, and a call may stop anywhere. So nothing is left for the next one
-- by being cleaned up at the end: whoever gathers something in a call says here what, and each call
-- begins with all of it empty.
local calls = {beginnings = {}, owners = {}, fields = {}, endings = {}, nth = 0}

function calls.begin_with(reset) calls.beginnings[#calls.beginnings + 1] = reset end

-- What is to be done at the end of a call that came to its end, in the opposite order.
function calls.end_with(write) calls.endings[#calls.endings + 1] = write end

-- These fields of `owner` are tables that are empty when a call begins.
function calls.gathers(owner, ...)
  local fields = {...}
  for i = 1, #fields do
    owner[fields[i]] = {}
    calls.owners[#calls.owners + 1], calls.fields[#calls.fields + 1] = owner, fields[i]
  end
end

-- The first words of every operation. Most tables are empty again; a new one costs as much as a command.
function calls.begin(KEYS)
  local beginnings, owners, fields, next = calls.beginnings, calls.owners, calls.fields, next
  calls.nth = calls.nth + 1
  for i = 1, #beginnings do beginnings[i](KEYS) end
  for i = 1, #owners do
    local owner, field = owners[i], fields[i]
    if next(owner[field]) ~= nil then owner[field] = {} end
  end
end

-- The last words of every operation; answer: what it returns.
function calls.finish(answer)
  local endings = calls.endings
  for i = #endings, 1, -1 do endings[i]() end
  return answer
end
