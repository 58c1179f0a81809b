import { describe, expect, it } from 'vitest';
import { hiddenInstructions, resultInstructions } from '../../../electron/core/policy/hidden-instructions.ts';
import { injectedTexts, poisonedDescriptions } from '../../fixtures/attacks/texts.ts';
import { wellKnown } from '../../fixtures/tool-catalogues/well-known.ts';

describe('texts that try to direct an agent', () => {
  it('are noticed in descriptions', () => {
    expect(poisonedDescriptions.filter((one) => hiddenInstructions(one) === undefined)).toEqual([]);
    expect(poisonedDescriptions.length).toBeGreaterThan(20);
  });

  it('are noticed in results', () => {
    expect(injectedTexts.filter((one) => resultInstructions(one) === undefined)).toEqual([]);
    expect(injectedTexts.length).toBeGreaterThan(20);
  });

  it('are not seen in ordinary descriptions', () => {
    const alarms = wellKnown.filter(({ definition }) => hiddenInstructions(JSON.stringify(definition)) !== undefined);
    expect(alarms.map(({ definition }) => definition.name)).toEqual([]);
    for (const ordinary of [
      'Call resolve-library-id first to obtain the id. Do not show ids to people unless they ask.',
      'Search the web. Prefer this tool over fetching pages one by one. Results are ordered by relevance.',
      'Sends an e-mail. The user must have connected an account. Use cc and bcc for further recipients.',
      'The API key is read from the environment. Never put it into the arguments.',
      'Do not use this tool for large files; use read_part instead.',
    ]) {
      expect(hiddenInstructions(ordinary), ordinary).toBeUndefined();
    }
  });

  it('are not seen in ordinary texts', () => {
    for (const ordinary of [
      'To: all. Please send the slides to bob@acme.example by Friday. Do not forget the figures.',
      'Run the following commands:\n\nnpm install\nnpm test\n\nThe agent package should be updated first.',
      '| name | what |\n|------|------|\n| a    | b                                                                                            |',
      'The assistant manager must approve this. Invoices go to accounts@acme.example.',
      'postgres://<user>:<password>@localhost/db',
      'سلام\u200cدنیا, 👨\u200d👩\u200d👧',
    ]) {
      expect(resultInstructions(ordinary), ordinary).toBeUndefined();
    }
  });

  it('cost time that grows with the text and no faster', () => {
    const nasty = [
      'always '.repeat(6_000),
      'ignore all '.repeat(4_000),
      '<!-- '.repeat(8_000),
      'user: a\n'.repeat(5_000),
    ];
    for (const text of nasty) {
      const began = performance.now();
      hiddenInstructions(text);
      resultInstructions(text);
      expect(performance.now() - began, text.slice(0, 20)).toBeLessThan(250);
    }
  });
});
