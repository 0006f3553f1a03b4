"""Every derivative rule made wrong in every way that changes its source by one step: the tests must notice."""
