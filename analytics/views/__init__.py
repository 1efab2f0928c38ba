"""The pages of the Log Service: Logstores, search and dashboards."""
