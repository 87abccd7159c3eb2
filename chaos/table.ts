import type { Result } from './run.ts'

/** The result as rows of a table in Markdown. */
export function tableOf(result: Result): string {
  const { faults, broken, accepted, repeatedCalls, expected, delivered, absorbed, looks } = result
  const rows: (readonly [string, string])[] = [
    ['faults injected', `${faults.length}`],
    ...[...new Set(faults.map(({ kind }) => kind))]
      .toSorted()
      .map((kind) => [`– ${kind}`, `${faults.filter((fault) => fault.kind === kind).length}`] as const),
    ['connections broken by them', `${broken}`],
    ['commands accepted', `${accepted} (calls made again: ${repeatedCalls})`],
    ['deliveries', `${delivered} of ${expected}`],
    ['lost', `${result.lost.length}`],
    ['reordered', `${result.reordered.length}`],
    ['applied twice', `${result.duplicated.length}`],
    ['tried again and absorbed', `${absorbed}`],
    ['torn', `${result.torn.length} in ${looks} looks`],
    ['longest recovery, once all was mended', `${(result.recovery.ms / 1000).toFixed(1)} s`],
  ]
  return ['| what | how many |', '| --- | --- |', ...rows.map(([what, many]) => `| ${what} | ${many} |`), ''].join('\n')
}
