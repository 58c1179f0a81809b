import { asSallyportError, type SallyportError } from '../../shared/errors.ts';
import type { RulesDocument } from './rules-document.ts';
import { type RulesFile, rulesInPlaceOf } from './rules-file.ts';

/** The person's rules; where they cannot be used, rules under which everything asks. */
export function usableRules(file: RulesFile, trouble: (error: SallyportError) => void): RulesDocument {
  try {
    return file.read();
  } catch (thrown) {
    trouble(asSallyportError(thrown, 'policy'));
    return rulesInPlaceOf(thrown);
  }
}
