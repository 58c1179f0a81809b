import { isMap, isSeq, parseDocument } from 'yaml';
import { SallyportError } from '../../shared/errors.ts';

/**
 * A rules file with more rules at the end of its list; comments and everything else stay as the person wrote them.
 * @throws SallyportError `rules_invalid` where the text is no file to which a rule can be added
 */
export function withRules(text: string, rules: readonly Readonly<Record<string, unknown>>[]): string {
  const document = parseDocument(text.trim() === '' ? 'version: 1\nrules: []\n' : text, { schema: 'core' });
  const list: unknown = document.get('rules', true);
  if (document.errors.length > 0 || !isMap(document.contents) || !(list === undefined || isSeq(list))) {
    throw new SallyportError('rules_invalid', 'policy', 'No rule can be added to the rules file as it stands.', {
      hint: 'See sallyport policy show',
    });
  }
  if (list === undefined) document.set('rules', document.createNode([]));
  const written: unknown = document.get('rules', true);
  // An empty list is usually written `[]`, which is no way to write rules.
  if (isSeq(written) && written.items.length === 0) written.flow = false;
  for (const rule of rules) document.addIn(['rules'], document.createNode(rule));
  return document.toString({ lineWidth: 0 });
}
