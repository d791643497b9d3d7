-- What an Application Load Balancer does to each request and Envoy has no setting for.
-- Limits: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html
-- Trace: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-request-tracing.html

local MOST = 16384
local MOST_ADDRESSES = 30
local TRACE = "x-amzn-trace-id"

math.randomseed(os.time() + tonumber(tostring({}):match("0x(%x+)"), 16) % 2^31)

local function mark()
  local r = math.random
  return string.format("1-%08x-%06x%06x%06x%06x", os.time(),
    r(0, 0xffffff), r(0, 0xffffff), r(0, 0xffffff), r(0, 0xffffff))
end

local function refusal(headers)
  if #headers:get(":path") > MOST then
    return "414"
  end
  for _, value in pairs(headers) do
    if #value > MOST then
      return "400"
    end
  end
  local via = headers:get("x-forwarded-for")
  if via and select(2, via:gsub(",", "")) >= MOST_ADDRESSES then
    return "463"
  end
end

function envoy_on_request(handle)
  local headers = handle:headers()
  local status = refusal(headers)
  if status then
    handle:respond({[":status"] = status, server = "awselb/2.0"}, "")
    return
  end
  local known = headers:get(TRACE)
  headers:replace(TRACE, known and ("Self=" .. mark() .. ";" .. known) or ("Root=" .. mark()))
end
