/** Letters of other scripts that look like Latin ones; what a font shows alike, a person takes for the same. */
const twins: ReadonlyMap<string, string> = new Map(
  Object.entries({
    а: 'a',
    е: 'e',
    о: 'o',
    р: 'p',
    с: 'c',
    у: 'y',
    х: 'x',
    і: 'i',
    ѕ: 's',
    ј: 'j',
    һ: 'h',
    ԁ: 'd',
    ԛ: 'q',
    ԝ: 'w',
    к: 'k',
    м: 'm',
    т: 't',
    в: 'b',
    н: 'h',
    г: 'r',
    ɡ: 'g',
    ı: 'i',
    ɑ: 'a',
    α: 'a',
    ο: 'o',
    ρ: 'p',
    ν: 'v',
    ι: 'i',
    κ: 'k',
    τ: 't',
    υ: 'u',
    χ: 'x',
    ε: 'e',
    ո: 'n',
    ս: 'u',
    օ: 'o',
    ց: 'g',
    հ: 'h',
  }),
);

/** A name without case and separators: what only these tell apart is one name to a person. */
export function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[\s_\-./:]+/g, '');
}

/** What a name looks like: twins of Latin letters, digits for letters, and pairs that read as one letter are made the same. */
export function skeleton(name: string): string {
  const known = skeletons.get(name);
  if (known !== undefined) return known;
  const made = skeletonOf(name);
  if (skeletons.size >= mostSkeletons) skeletons.clear();
  skeletons.set(name, made);
  return made;
}

/** What was made already: each change of a list asks for every name of every server. */
const skeletons = new Map<string, string>();
const mostSkeletons = 20_000;

function skeletonOf(name: string): string {
  const letters = [...plainName(name.normalize('NFKC'))].map((one) => twins.get(one) ?? one).join('');
  return letters
    .normalize('NFD')
    .replaceAll(/\p{M}|\p{Cf}/gu, '')
    .replaceAll('0', 'o')
    .replaceAll(/[1i|]/g, 'l')
    .replaceAll('5', 's')
    .replaceAll('rn', 'm')
    .replaceAll('vv', 'w');
}
