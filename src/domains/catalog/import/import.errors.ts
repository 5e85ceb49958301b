/** Thrown when a file cannot be imported, or not from some line on. `message` says in one line what to do. Not of the API. */
export class CatalogueFileError extends Error {
  override readonly name = 'CatalogueFileError';
  /**
   * @param problem what is wrong
   * @param line where
   */
  constructor(
    readonly problem: string,
    readonly line: number,
  ) {
    super(`line ${line}: ${problem}`);
  }
}
