/** How many files, sockets included, one process may have open. Node raises its own limit as far as it may. */
export function openFilesMax(): number {
  const report = process.report?.getReport() as { userLimits?: { open_files?: { soft: number | 'unlimited' } } };
  const soft = report?.userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : Number.POSITIVE_INFINITY;
}
