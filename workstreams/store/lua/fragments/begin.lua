-- A library's locals outlive a call, and a call may stop anywhere. So nothing is left for the next one
-- by being cleaned up at the end: whoever gathers something in a call says here what, and each call
-- begins with all of it empty.
local calls = {beginnings = {}, owners = {}, fields = {}, endings = {}, certain = {}, nth = 0}

function calls.begin_with(reset) calls.beginnings[#calls.beginnings + 1] = reset end

-- What is to be done at the end of a call that came to its end, in the opposite order.
function calls.end_with(write) calls.endings[#calls.endings + 1] = write end

-- What is to be done even where a call stopped in the middle.
function calls.always_end_with(write) calls.certain[#calls.certain + 1] = write end

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

-- An error as Redis words one that nobody catches: with the line at which a command, or `error`, raised it. That stands two
-- levels above this function, which `pcall` and `error` see from two below.
local function worded(failure)
  local text = type(failure) == 'table' and failure.err or 'ERR ' .. tostring(failure)
  if text:find('user_function:', 1, true) then return text end
  local _, place = pcall(error, '', 4)
  return text .. ' script: on @' .. place:gsub(': $', '.')
end

local carried = {}

local function run() return carried.run(carried.KEYS, carried.ARGV) end

-- Carries an operation out, which begins with `begin`, and returns its answer.
function calls.carry_out(operation, KEYS, ARGV)
  carried.run, carried.KEYS, carried.ARGV = operation, KEYS, ARGV
  local certain, endings = calls.certain, calls.endings
  local fine, answer = xpcall(run, worded)
  -- Words of up to many megabytes, which nobody needs until the next call.
  carried.KEYS, carried.ARGV = nil, nil
  for i = 1, #certain do certain[i]() end
  if not fine then return {err = answer} end
  for i = #endings, 1, -1 do endings[i]() end
  return answer
end
