"""The rules of the service, without HTTP and HTML: the API's routes and the pages call the same functions."""
