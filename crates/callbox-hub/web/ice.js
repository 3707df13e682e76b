// The ICE servers that the hub names: which of them this browser can use, and what is wrong with the others.

/** The label of a host name: up to 63 letters, digits, `_` and `-`, no hyphen at an end. */
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
const BYTE = /^(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)$/;

function isHost(text) {
  if (text.startsWith('[')) return text.includes(':') && /^\[[0-9A-Fa-f:.]+\]$/.test(text) && URL.canParse(`http://${text}/`);
  const labels = text.replace(/\.$/, '').split('.');
  // What ends in a number is an IPv4 address, and a whole one.
  if (/^\d+$/.test(labels.at(-1))) return labels.length === 4 && labels.every((label) => BYTE.test(label));
  return text.length <= 253 && labels.every((label) => LABEL.test(label));
}

/** Why this is no `stun:` or `turn:` address of RFC 7064 and RFC 7065, or null when it is one. */
export function faultOf(url) {
  const [, scheme, rest] = /^([A-Za-z][A-Za-z0-9+.-]*):(.*)$/s.exec(String(url)) ?? [];
  const kind = scheme?.toLowerCase();
  if (!['stun', 'stuns', 'turn', 'turns'].includes(kind)) return 'it does not begin with stun:, stuns:, turn: or turns:';
  const [address, query, ...more] = rest.split('?');
  if (query !== undefined && kind.startsWith('stun')) return 'a STUN address has no “?transport=”';
  if (more.length || (query !== undefined && !/^transport=(udp|tcp)$/i.test(query))) return 'after “?” only transport=udp or transport=tcp may follow';
  const [, host, port] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]*))?$/.exec(address) ?? [];
  if (!host || !isHost(host)) return 'it has no host name or address';
  if (port !== undefined && !(Number(port) >= 1 && Number(port) <= 65_535)) return 'its port is not between 1 and 65535';
  return null;
}

/**
 * The servers this browser takes, each tried by itself, and those it does not: `{usable, refused: [{url, fault}]}`.
 * `make(servers)` makes a connection with them and throws when one cannot be used.
 */
export function usableServers(servers, make) {
  const usable = [];
  const refused = [];
  for (const server of servers) {
    const urls = [];
    for (const url of [server?.urls ?? server?.url ?? []].flat()) {
      const fault = faultOf(url) ?? rejection({ ...server, urls: [url] }, make);
      if (fault) refused.push({ url: String(url), fault });
      else urls.push(url);
    }
    if (urls.length) usable.push({ ...server, urls });
  }
  return { usable, refused };
}

function rejection(server, make) {
  try {
    make([server])?.close();
    return null;
  } catch (error) {
    return error.message || 'this browser does not take it';
  }
}
