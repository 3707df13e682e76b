// Configuration files as objects: merged from several sources, then written as TOML.

/** Merges tables, key by key; later ones win, and `null` takes a key or a table away. */
export function merge(...tables) {
  const merged = {};
  for (const table of tables) {
    for (const [key, value] of Object.entries(table ?? {})) {
      if (value === null) delete merged[key];
      else merged[key] = isTable(value) ? merge(isTable(merged[key]) ? merged[key] : {}, value) : value;
    }
  }
  return merged;
}

/** Writes a configuration: tables become `[sections]`, lists of tables `[[sections]]`. */
export function toml(config, path = []) {
  const entries = Object.entries(config).filter(([, value]) => value !== undefined);
  const plain = entries.filter(([, value]) => !isSection(value)).map(([key, value]) => `${key} = ${inline(value)}\n`);
  const sections = entries.filter(([, value]) => isSection(value)).map(([key, value]) => section([...path, key], value));
  return `${plain.join('')}${sections.join('')}`;
}

function section(path, value) {
  const name = path.join('.');
  return Array.isArray(value)
    ? value.map((item) => `\n[[${name}]]\n${toml(item, path)}`).join('')
    : `\n[${name}]\n${toml(value, path)}`;
}

/** A value in one line. JSON's strings are TOML's. */
function inline(value) {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (isTable(value)) return `{ ${Object.entries(value).map(([key, inner]) => `${key} = ${inline(inner)}`).join(', ')} }`;
  return JSON.stringify(value);
}

const isTable = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);
/** Lists of tables that are written in one line are wrapped in `Inline`. */
const isSection = (value) => !(value instanceof Inline) && (isTable(value) || (Array.isArray(value) && value.length > 0 && value.every(isTable)));

class Inline extends Array {}

/** A list of tables that its file writes as one value, such as `ice_servers`. */
export const inlineList = (items) => Inline.from(items);
